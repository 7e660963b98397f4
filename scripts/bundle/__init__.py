"""What the packaged program is made of, and how it is checked. Used by ``build.spec``."""
