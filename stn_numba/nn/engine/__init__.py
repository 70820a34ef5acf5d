"""How layers are computed: threads, buffers, and several layers in one go."""
