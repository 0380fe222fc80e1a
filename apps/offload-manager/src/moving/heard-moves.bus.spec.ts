import { hearing } from './moving.fixture.js';
// The same cases, by managers that ask for nothing anew until they hear that it has changed.
import './moves.bus.spec.js';

hearing.changes = true;
