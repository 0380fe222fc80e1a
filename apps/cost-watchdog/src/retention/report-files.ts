import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';

const NAME = /^(emergency_(\d{4}-\d\d-\d\d)T(\d\d)-(\d\d)-(\d\d)-(\d{3})Z)\.(?:json|html)(?:\.new)?$/;

export interface ReportFile {
  file: string;
  /** Of the report. */
  id: string;
}

/** The reports in this folder on emergencies that began before then. Other files are nobody's business here. */
export async function oldReportFiles(folder: string, before: Date): Promise<ReportFile[]> {
  const names = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  return names.flatMap((name) => {
    const [, id, day, hour, minute, second, ms] = NAME.exec(name) ?? [];
    if (id === undefined) return [];
    const old = new Date(`${day}T${hour}:${minute}:${second}.${ms}Z`) < before;
    return old ? [{ file: join(folder, name), id }] : [];
  });
}

export async function removeFiles(files: readonly ReportFile[]): Promise<void> {
  for (const { file } of files) await rm(file, { force: true });
}
