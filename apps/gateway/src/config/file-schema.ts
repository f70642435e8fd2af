import { z } from 'zod';
import { CONFIG_SCHEMA } from './schema.js';
import { settingMeta } from './setting.js';

/** The JSON Schema (draft-07) of the configuration file. Secrets are missing, since the file must not contain them. */
export function configFileSchema(): object {
  return z.toJSONSchema(CONFIG_SCHEMA.production, {
    target: 'draft-07',
    io: 'input',
    override({ zodSchema, jsonSchema }) {
      const meta = settingMeta.get(zodSchema);
      if (meta !== undefined) {
        jsonSchema.description = meta.unit === undefined ? meta.description : `${meta.description} In ${meta.unit}.`;
      }
      if (!(zodSchema instanceof z.ZodObject)) return;
      for (const [name, member] of Object.entries(zodSchema.shape)) {
        if (settingMeta.get(member)?.secret !== undefined) delete jsonSchema.properties?.[name];
      }
    },
  });
}
