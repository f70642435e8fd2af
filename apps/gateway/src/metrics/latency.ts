import { Histogram, type Registry } from 'prom-client';

/** The labels of an exemplar: the trace and the span of one observation. */
type Exemplar = Readonly<Record<'trace_id' | 'span_id', string>>;

/** A histogram of seconds whose buckets may show the trace of their latest traced observation. */
export class Latency {
  private readonly histogram: Histogram;

  /** @param exemplars whether there may be any. Without them an observation allocates nothing. */
  constructor(
    registry: Registry,
    settings: { readonly name: string; readonly help: string; readonly buckets: number[] },
    private readonly exemplars: boolean,
  ) {
    // A registry of the text format refuses histograms with exemplars when they are created, but leaves them out correctly.
    this.histogram = new Histogram({ ...settings, enableExemplars: exemplars, registers: [] });
    registry.registerMetric(this.histogram);
  }

  observe(seconds: number, exemplar?: Exemplar): void {
    if (!this.exemplars) this.histogram.observe(seconds);
    else
      this.histogram.observe({
        value: seconds,
        ...(exemplar === undefined ? {} : { exemplarLabels: { ...exemplar } }),
      });
  }
}
