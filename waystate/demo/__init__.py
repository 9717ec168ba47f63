"""`make run`: Waystate with a demo tenant and both far sides simulated, live in the terminal."""

from waystate.demo.run import run

__all__ = ["run"]
