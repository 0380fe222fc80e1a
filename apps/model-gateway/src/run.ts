import { runUntilSignal } from '@purser/service';
import { start } from './index.js';

runUntilSignal(start);
