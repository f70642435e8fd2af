import { z } from 'zod';

/** What the schema knows about a setting besides its type. */
export interface SettingMeta {
  /** For operators: what it does, in one or two sentences. */
  readonly description: string;
  /** The environment variable that sets it. */
  readonly env?: string;
  /** It may also be in the file named by the variable `${env}_FILE`, which is reloaded when it changes. */
  readonly file?: true;
  /** It must not be in the configuration file, which ends up in ConfigMaps and repositories. */
  readonly secret?: true;
  readonly unit?: 'seconds' | 'bytes';
  /** What a value must be, if the type does not tell; follows "expected". */
  readonly expected?: string;
  /** The default in words, if it is not a constant. */
  readonly otherwise?: string;
}

export const settingMeta = z.registry<SettingMeta>();

export function setting<S extends z.ZodType>(schema: S, meta: SettingMeta): S {
  settingMeta.add(schema, meta);
  return schema;
}

/**
 * A duration. In seconds (with fractions) in the configuration file and in variables, for people; in ms in the typed
 * configuration, like everywhere in the code.
 */
export function seconds(min: number, max: number) {
  return z
    .number()
    .min(min)
    .max(max)
    .transform((value) => Math.round(value * 1_000));
}
