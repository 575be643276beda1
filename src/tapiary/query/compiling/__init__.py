"""Trees into SQL: each stage takes rows, a SELECT in the making, and gives rows; types are known at every step."""

from tapiary.query.compiling.plan import Plan, plan

__all__ = ["Plan", "plan"]
