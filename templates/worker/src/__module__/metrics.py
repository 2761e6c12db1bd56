"""Metrics: what Prometheus reads at /metrics."""

from prometheus_client import (
    CollectorRegistry,
    Counter,
    GCCollector,
    Gauge,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)

from . import VERSION

OUTCOMES = ("done", "retried", "rejected", "failed", "returned")


class Metrics:
    """The metrics of one worker, in a registry of its own."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        PlatformCollector(registry=self._registry)
        GCCollector(registry=self._registry)
        self.jobs = Counter(
            "jobs_total",
            "Jobs taken, by outcome.",
            ("outcome",),
            registry=self._registry,
        )
        for outcome in OUTCOMES:
            self.jobs.labels(outcome)
        self.seconds = Histogram(
            "job_duration_seconds",
            "Time from taking a job to settling it.",
            registry=self._registry,
        )
        self.in_progress = Gauge(
            "jobs_in_progress",
            "Jobs in hand.",
            registry=self._registry,
        )
        build = Gauge("app_build_info", "Always 1.", ("version",), registry=self._registry)
        build.labels(VERSION).set(1)

    def count(self, outcome: str) -> float:
        """Returns how many jobs had an outcome."""
        return self._registry.get_sample_value("jobs_total", {"outcome": outcome}) or 0

    def text(self) -> bytes:
        """Returns the metrics in the text format of Prometheus."""
        return generate_latest(self._registry)
