const FACTORS: Readonly<Record<string, number>> = {
  '': 1,
  m: 1e-3,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
};

/** The number of a Kubernetes quantity, such as `256Mi` or `500m`; undefined if there is none. */
export function quantity(text: string | number | undefined): number | undefined {
  const [, amount, unit = ''] = /^([\d.]+(?:e\d+)?)(m|[kMGT]|[KMGT]i)?$/.exec(String(text ?? '')) ?? [];
  const factor = FACTORS[unit];
  return amount === undefined || factor === undefined ? undefined : Number(amount) * factor;
}

/** `256 Mi`. */
export function mebibytes(bytes: number): string {
  return `${Math.round(bytes / 2 ** 20)} MiB`;
}
