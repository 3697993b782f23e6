"""The commands of `vaejob`, a module for each section of its help or part of one."""
