"""The base of this service's tables."""

from sqlalchemy.orm import DeclarativeBase


class Base(DeclarativeBase):
    """Events' tables, as the migrations make them."""
