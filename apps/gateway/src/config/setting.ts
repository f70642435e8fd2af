import { z } from 'zod';

/** What the schema knows of a setting beyond its type. */
export interface SettingMeta {
  /** For operators: what it does, in one or two sentences. */
  readonly description: string;
  /** The environment variable that sets it. */
  readonly env?: string;
  /** It may also stand in the file that the variable `${env}_FILE` names, and is read again when that file changes. */
  readonly file?: true;
  /** It has no place in the configuration file, which ends up in ConfigMaps and repositories. */
  readonly secret?: true;
  readonly unit?: 'seconds' | 'bytes';
  /** What a value must be, where the type does not say it; follows "expected". */
  readonly expected?: string;
  /** The default in words, where it is not a constant. */
  readonly otherwise?: string;
}

export const settingMeta = z.registry<SettingMeta>();

export function setting<S extends z.ZodType>(schema: S, meta: SettingMeta): S {
  settingMeta.add(schema, meta);
  return schema;
}

/**
 * A duration: in seconds (fractions allowed) in the configuration file and in variables, for people; in ms in the typed
 * configuration, as everywhere in the code.
 */
export function seconds(min: number, max: number) {
  return z
    .number()
    .min(min)
    .max(max)
    .transform((value) => Math.round(value * 1_000));
}
