"""The filter language of lists: ``ndvi state:failure runtime:>30 since:2h -worker:cpu2``."""

from earthgazer_core.operations.filter.expression import Filter, FilterError, Term
from earthgazer_core.operations.filter.fields import FIELDS
from earthgazer_core.operations.filter.parse import parse
from earthgazer_core.operations.filter.predicate import matcher
from earthgazer_core.operations.filter.sql import where

__all__ = ["FIELDS", "Filter", "FilterError", "Term", "matcher", "parse", "where"]
