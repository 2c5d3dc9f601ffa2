"""The report of a version: one self-contained HTML page."""

from utils.dataset.report.page import write_report

__all__ = ["write_report"]
