import { z } from 'zod';
import { CONFIG_SCHEMA, type Mode } from './schema.js';
import { settingMeta, type SettingMeta } from './setting.js';

/** The configuration's schema as JSON Schema (draft-07), with {@link SettingMeta} next to the keywords. */
export interface Description extends Partial<SettingMeta> {
  readonly type?: 'object' | 'array' | 'string' | 'boolean' | 'number' | 'integer';
  readonly properties?: Readonly<Record<string, Description>>;
  readonly propertyNames?: Description;
  readonly additionalProperties?: Description | false;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly enum?: readonly string[];
  readonly default?: string | number | boolean | object;
}

/** One setting and its path in the configuration file. */
export interface DescribedSetting {
  readonly path: readonly string[];
  readonly description: Description;
}

export function describeConfig(mode: Mode): Description {
  return z.toJSONSchema(CONFIG_SCHEMA[mode], {
    target: 'draft-07',
    io: 'input',
    metadata: settingMeta,
  }) as Description;
}

/** All settings, in the schema's order. A record such as `namespaces` counts as one. */
export function settingsOf(description: Description, path: readonly string[] = []): DescribedSetting[] {
  if (description.properties === undefined) return [{ path, description }];
  return Object.entries(description.properties).flatMap(([name, member]) => settingsOf(member, [...path, name]));
}

/** The description of the setting or section at `path`, or of the setting that contains it, with its path. */
export function descriptionAt(root: Description, path: readonly PropertyKey[]): DescribedSetting {
  let description = root;
  const found: string[] = [];
  for (const name of path.map(String)) {
    const member = memberOf(description, name);
    if (member === undefined) break;
    description = member;
    found.push(name);
  }
  return { path: found, description };
}

function memberOf({ properties, additionalProperties }: Description, name: string): Description | undefined {
  if (properties !== undefined) return Object.hasOwn(properties, name) ? properties[name] : undefined;
  return additionalProperties === false ? undefined : additionalProperties;
}

/** What a value must be, in words that never contain a value. */
export function expectationOf(description: Description): string {
  const { expected, type, unit, minimum, maximum, minLength, maxLength } = description;
  if (expected !== undefined) return expected;
  if (description.enum !== undefined) return `one of ${description.enum.join(', ')}`;
  switch (type) {
    case 'integer':
    case 'number': {
      const number = type === 'integer' ? 'a whole number' : 'a number';
      return `${number}${unit === undefined ? '' : ` of ${unit}`} from ${minimum} to ${maximum}`;
    }
    case 'boolean':
      return 'true or false';
    case 'string':
      return `${minLength} to ${maxLength} characters`;
    default:
      return type === 'array' ? 'a list' : 'a mapping';
  }
}

/** A path as people write it: `drain.settle`, `namespaces["a b"].presence`. */
export function pathName(path: readonly PropertyKey[]): string {
  return path
    .map(String)
    .map((name, index) => {
      if (!/^[\w@-]+$/.test(name)) return `[${JSON.stringify(name)}]`;
      return index === 0 ? name : `.${name}`;
    })
    .join('');
}
