"""Training and inference of whole networks: `problem` has the networks and our calls, `cases` what is measured."""
