import { CONFIG } from '@purser/service';
import type { Config } from '../config.js';
import { Memory } from '../memory/memory.service.js';
import { Imports } from '../profiles/imports.service.js';
import { ProfileCache } from '../profiles/profile-cache.js';
import { Profiler } from '../profiles/profiler.service.js';
import { ProfilesRepository } from '../profiles/profiles.repository.js';
import { Catalogue } from '../scoring/catalogue.service.js';
import { Components } from './components.service.js';
import { Discovery } from './discovery.service.js';
import { DOCKER_HOST, DockerComponents } from './docker-components.js';

/** What finds components and knows what they need. */
export const COMPONENT_PARTS = [
  { provide: DOCKER_HOST, useFactory: ({ DOCKER_HOST: host }: Config) => host, inject: [CONFIG] },
  DockerComponents,
  Components,
  Memory,
  ProfilesRepository,
  ProfileCache,
  Imports,
  Profiler,
  Catalogue,
  Discovery,
];
