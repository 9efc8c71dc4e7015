"""The generated nano suite: small list programs with tests, and a stream of programs with habitual bugs.

``suite`` yields problems and ``stream`` yields pre-training programs. Both are made of the operations in the tables
``transforms`` and ``reducers``. ``task`` combines operations into a statement, a program and its inputs.
``docs/nano.md`` describes the family and what is known about it.
"""
