export { CREATE_TELL_CHANGE } from './changes.js';
export { Database, type DatabaseOptions, type MigrationClass, type Sql, violatedConstraint } from './database.js';
export {
  appendToOutbox,
  CreateOutbox1700000000000,
  deleteFromOutbox,
  factsOf,
  type OutboxEntry,
  outboxIsEmpty,
  type OutboxRow,
  takeFromOutbox,
  tellTogether,
} from './outbox.js';
export { changeOwnPassword, mayLogIn } from './roles/owner.js';
export { ensureServiceRoles } from './roles/service-roles.js';
export { storable } from './storable.js';
export { SERVICE_SCHEMAS } from './service-schemas.js';
export type { MigrationInterface, QueryRunner } from 'typeorm';
