"""What the tests of code execution share."""

import pytest


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "docker: runs code in Docker, and is skipped where there is none")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how many Docker tests ran: that none did must not go unnoticed."""
    counts = {
        outcome: sum("docker" in report.keywords for report in terminalreporter.stats.get(outcome, ()))
        for outcome in ("passed", "failed", "skipped")
    }
    if any(counts.values()):
        ran = counts["passed"] + counts["failed"]
        terminalreporter.write_line(f"Docker tests: {ran} ran ({counts['failed']} failed), {counts['skipped']} skipped")
