import { Inject, Injectable } from '@nestjs/common';
import { PurserError } from '@purser/contracts';
import { CONFIG } from '@purser/service';
import type { Config } from '../config.js';
import type { Movable } from '../moving/movables.js';
import { AWAY, type Away } from './away.js';
import type { Component } from './component.js';
import { type ComponentsFile, loadComponentsFile } from './components-file.js';
import { DockerComponents } from './docker-components.js';
import { type FoundModule, scanFolder } from './scan.js';

const STANDARD_DEPTH = 4;

/** The components as they were found last: in components.json, in Docker, in folders of source, at runners. */
@Injectable()
export class Components {
  private found = new Map<string, Component>();
  private lastRead: ComponentsFile | undefined;
  private executors: readonly string[] = [];
  private isSearched = false;
  /** What is wrong with where they are looked for. It keeps none of the others from being found. */
  problems: readonly string[] = [];

  constructor(
    @Inject(CONFIG) private readonly config: Config,
    private readonly docker: DockerComponents,
    @Inject(AWAY) private readonly away: Away,
  ) {}

  /** Whether they were looked for at all, since the start. */
  get searched(): boolean {
    return this.isSearched;
  }

  list(): Component[] {
    return [...this.found.values()];
  }

  get(name: string): Component | undefined {
    return this.found.get(name);
  }

  /** @throws PurserError `not_found` */
  require(name: string): Component {
    const one = this.found.get(name);
    if (one) return one;
    throw new PurserError('not_found', {
      message: `There is no component ${name}; \`purser components list\` shows those that were found.`,
    });
  }

  /** What runners said they can run. */
  heardExecutors(names: readonly string[]): void {
    this.executors = [...new Set([...this.executors, ...names])].slice(0, 1_000);
  }

  /** Looks everywhere. What is named first in components.json wins over Docker, and that over folders. */
  async discover(): Promise<void> {
    const file = await this.readFile();
    const scans = [
      ...file.scan,
      ...foldersOf(this.config.PURSER_COMPONENT_FOLDERS).map((folder) => ({ folder, depth: STANDARD_DEPTH, skip: [] })),
    ];
    const [away, docker, ...scanned] = await Promise.all([
      this.away.definitions(),
      file.docker ? this.docker.find() : { components: [], problems: [] },
      ...scans.map(scanFolder),
    ]);
    const named = withContainers(file.components, docker.components);
    const modules = scanned.flatMap((found, index) =>
      found.modules.map((one) => moduleComponent(one, scans[index]?.folder ?? '')),
    );
    const executors = this.executors.map(executorComponent);
    const found = [...named, ...modules, ...executors];
    const here = new Set(found.map(({ name }) => name));
    const left = away.filter(({ name }) => !here.has(name)).map(awayComponent);
    const { all, doubled } = merged([...found, ...left], file);
    this.found = all;
    this.isSearched = true;
    this.problems = [
      ...file.problems,
      ...docker.problems,
      ...scanned.flatMap(({ problems }) => problems),
      ...doubled,
    ].slice(0, 200);
  }

  /** What it said last, while it cannot be read; and nothing leaves until it can, since it may say now what is to stay. */
  private async readFile(): Promise<ComponentsFile> {
    const file = await loadComponentsFile(this.config.PURSER_CONFIG_DIR);
    if (!file.unread) return (this.lastRead = file);
    return { ...(this.lastRead ?? file), problems: file.problems, keepsLocal: () => true };
  }
}

/** Separated as PATH is. */
const foldersOf = (setting: string | undefined): string[] => (setting ?? '').split(':').filter((one) => one !== '');

/** A container that components.json names as where one of its components runs here is that component. */
function withContainers(named: readonly Component[], containers: readonly Component[]): Component[] {
  const ofName = new Map(containers.map((one) => [one.containerName, one]));
  const taken = new Set<Component>();
  const joined = named.map((component) => {
    const container = ofName.get(component.local?.container ?? '');
    if (container === undefined) return component;
    taken.add(container);
    return { ...component, containerId: container.containerId };
  });
  return [...joined, ...containers.filter((one) => !taken.has(one))];
}

function merged(components: readonly Component[], { keepsLocal }: ComponentsFile) {
  const all = new Map<string, Component>();
  const doubled: string[] = [];
  for (const component of components) {
    const first = all.get(component.name);
    if (first)
      doubled.push(`${component.name} is there twice: taken from ${first.source}, not from ${component.source}`);
    else all.set(component.name, { ...component, keepLocal: component.keepLocal || keepsLocal(component.name) });
  }
  return { all, doubled };
}

const BARE = {
  command: [],
  env: {},
  healthPath: '/',
  diskGb: 20,
  stateless: false,
  checkpointable: false,
  keepLocal: false,
};

const awayComponent = (one: Movable): Component => ({ ...BARE, kind: 'container', source: 'moves', ...one });

const moduleComponent = ({ name, module }: FoundModule, folder: string): Component => ({
  ...BARE,
  name,
  kind: 'module',
  source: folder,
  module,
});

const executorComponent = (name: string): Component => ({
  ...BARE,
  name: `executor.${name}`,
  kind: 'executor',
  source: 'runners',
});
