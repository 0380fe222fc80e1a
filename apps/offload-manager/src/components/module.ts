/** A module or program in a scanned folder, whose sources were found but not read. */
export interface ScannedModule {
  language: 'python' | 'javascript';
  /** The file, or the folder of a package. */
  path: string;
  /** The folder that it is imported from. */
  root: string;
  /** Of Python, by the name that `import` takes: `voice.coreml`. */
  importName: string;
  isPackage: boolean;
}
