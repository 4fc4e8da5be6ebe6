"""How many executions are in which state, kept up to date by the database itself."""

from __future__ import annotations

from sqlalchemy.orm import Mapped, mapped_column

from earthgazer_core.db.tables.base import Base


class ExecutionCountRow(Base):
    """Executions of one state as far as some connections wrote them; triggers add, the sum is the count.

    Counting millions of rows takes a second. One row for each state would make writers wait for each other,
    so each connection has rows of its own, and one that moves what another wrote has a number below zero.
    """

    __tablename__ = "execution_counts"
    __table_args__ = {"postgresql_with": {"fillfactor": 50}}  # noqa: RUF012 - as SQLAlchemy has it

    state: Mapped[str] = mapped_column(primary_key=True)
    bucket: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    """Process id of the connection's server process, modulo a number."""
    n: Mapped[int]
