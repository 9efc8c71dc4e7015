"""What a process tells about itself.

- ``logs``: JSON logs of servers; ``tracing``: OpenTelemetry spans;
- ``metrics``: definitions of Prometheus metrics and their exporter; ``reference``: the page that documents them;
- ``progress``: a line of progress on standard error, for commands.
"""
