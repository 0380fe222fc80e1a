import type { Provider } from '@nestjs/common';
import { DOCKER_HOST } from './docker-engine.js';
import { EMERGENCY_FILE, type EmergencyFile } from './emergency-file.js';
import { REPORTS_FOLDER } from './reports.service.js';

export interface ShutdownSettings {
  file: EmergencyFile;
  reportsFolder: string;
  dockerHost: string | undefined;
}

export const shutdownSettings = ({ file, reportsFolder, dockerHost }: ShutdownSettings): Provider[] => [
  { provide: EMERGENCY_FILE, useValue: file },
  { provide: REPORTS_FOLDER, useValue: reportsFolder },
  { provide: DOCKER_HOST, useValue: dockerHost },
];
