import { BRIEF_LEASE, BRIEF_LEASES } from '../testing/brief-lease.js';
import { describeBrokerFaults } from '../testing/describe-broker-faults.js';
import { describeLogBrokerFaults } from '../testing/describe-log-broker-faults.js';
import { faultyLog } from '../testing/memory-log/faulty-log.js';
import { LogBroker } from './log-broker.js';

describeBrokerFaults('LogBroker', BRIEF_LEASE, async () =>
  faultyLog({}, (adapter) => new LogBroker(adapter, BRIEF_LEASES)),
);
describeLogBrokerFaults('LogBroker', async () => faultyLog({}, (adapter) => new LogBroker(adapter)));
