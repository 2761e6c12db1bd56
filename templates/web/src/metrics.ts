import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from "prom-client";

export class Metrics {
  readonly registry = new Registry();

  private readonly requests = new Counter({
    name: "http_requests_total",
    help: "Requests answered, by route and status.",
    labelNames: ["route", "status"],
    registers: [this.registry],
  });

  private readonly duration = new Histogram({
    name: "http_request_duration_seconds",
    help: "Time from a request's headers to its answer, by route.",
    labelNames: ["route"],
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
    registers: [this.registry],
  });

  readonly inFlight = new Gauge({
    name: "http_requests_in_flight",
    help: "Requests being answered now.",
    registers: [this.registry],
  });

  constructor() {
    collectDefaultMetrics({ register: this.registry });
  }

  observe(route: string, status: number, seconds: number): void {
    this.requests.inc({ route, status });
    this.duration.observe({ route }, seconds);
  }
}
