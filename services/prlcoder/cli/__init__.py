"""The ``prlcoder`` command.

``main.py`` has the list of commands and imports the module of the chosen one only. A command is a module with
``add_arguments(parser)`` and ``run(arguments) -> exit code``. Options that several commands share are in
``sandbox_options.py``, ``problem_arguments.py`` and ``manifest_arguments.py``. ``reference.py`` prints the reference
page of all commands and options.
"""
