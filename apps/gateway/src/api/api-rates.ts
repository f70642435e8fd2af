import { Inject, Injectable } from '@nestjs/common';
import { CONFIG, type Config } from '../config/index.js';
import { RateTable } from '../limits/rate-table.js';

/** The rate of each API key. */
@Injectable()
export class ApiRates extends RateTable {
  constructor(@Inject(CONFIG) { limits }: Config) {
    super(limits.apiRequests);
  }
}
