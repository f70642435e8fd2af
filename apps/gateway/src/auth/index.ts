export { Admission, type Applicant } from './admission.js';
export { ApiKeyGuard, publisherOf } from './api-key.guard.js';
export { AuthModule } from './auth.module.js';
export { Authenticator, type SubscriptionGrant } from './authenticator.js';
export { ANONYMOUS, type Identity } from './identity.js';
export { BlockedUsers } from './blocked-users.js';
export { Permissions } from './permissions.js';
export { Sessions, sessionOfUser, type Session } from './session.js';
