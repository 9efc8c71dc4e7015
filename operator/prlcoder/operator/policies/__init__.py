"""What ends a run or removes it apart from its own stages: one policy per file, each a pure function."""
