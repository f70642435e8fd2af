export { describeBroker, type BrokerServer } from './describe-broker.js';
export * from './settling.contract.js';
