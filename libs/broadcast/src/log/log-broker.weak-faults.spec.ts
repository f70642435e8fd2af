import { BRIEF_LEASE, BRIEF_LEASES } from '../testing/brief-lease.js';
import { describeBrokerFaults } from '../testing/describe-broker-faults.js';
import { faultyLog } from '../testing/memory-log/faulty-log.js';
import { LogBroker } from './log-broker.js';

const WEAK = { clock: false, bounds: false, holes: true, reportsCuts: false, appendsAtOnce: 1 };

describeBrokerFaults('LogBroker on a log without clock and bounds, with holes and delays', BRIEF_LEASE, async () =>
  faultyLog({ ...WEAK, delay: () => Math.random() * 4 }, (adapter) => new LogBroker(adapter, BRIEF_LEASES)),
);
