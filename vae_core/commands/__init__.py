"""The commands of `vaecore`, one module each, imported when they are run."""
