"""How layers are computed: on threads, in buffers that are used again, several layers in one go."""
