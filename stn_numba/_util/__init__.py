"""Small helpers that know nothing of images: arguments, arrays, files, environment variables."""
