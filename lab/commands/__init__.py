"""The subcommands of ``shop``, one module each: thin, they parse, call and show."""
