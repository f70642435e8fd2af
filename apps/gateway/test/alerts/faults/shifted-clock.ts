import { shiftClock } from '../../../../../e2e/load/clock.ts';

shiftClock(Number(process.env['CLOCK_AHEAD']));
