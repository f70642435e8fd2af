import { BRIEF_LEASE, BRIEF_LEASES } from '../testing/brief-lease.js';
import { describeBrokerFaults, type FaultyServer } from '../testing/describe-broker-faults.js';
import { describeLogBrokerFaults, type FaultyLogServer } from '../testing/describe-log-broker-faults.js';
import { faultyLog } from '../testing/memory-log/faulty-log.js';
import { LogBroker } from './log-broker.js';

const open = async (): Promise<FaultyServer & FaultyLogServer> =>
  faultyLog({}, (adapter) => new LogBroker(adapter, BRIEF_LEASES));
describeBrokerFaults('LogBroker', BRIEF_LEASE, open);
describeLogBrokerFaults('LogBroker', open);
