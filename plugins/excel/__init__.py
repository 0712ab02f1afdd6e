"""Excel: the selection of a `Query` as a workbook, one row per offer, that a care council can use without a manual."""

from collections.abc import Sequence

from hub import Connector, hookimpl
from plugins.excel.connector import ExcelFeed


@hookimpl
def register_connectors() -> Sequence[type[Connector]]:
    """The feed out."""
    return [ExcelFeed]
