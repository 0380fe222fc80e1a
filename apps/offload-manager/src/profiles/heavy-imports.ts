/**
 * What libraries take when they are imported, in MiB: rounded up from imports of current releases on Linux x86-64 without
 * an accelerator. Of a library with models of its own, without any model loaded.
 */
const PYTHON: Readonly<Record<string, number>> = {
  torch: 450,
  torchvision: 150,
  torchaudio: 100,
  tensorflow: 600,
  keras: 150,
  jax: 250,
  transformers: 400,
  sentence_transformers: 500,
  diffusers: 500,
  accelerate: 150,
  onnxruntime: 150,
  coremltools: 250,
  mlx: 150,
  llama_cpp: 250,
  vllm: 900,
  whisper: 600,
  faster_whisper: 300,
  spacy: 200,
  nltk: 50,
  sklearn: 120,
  scipy: 70,
  numpy: 40,
  pandas: 100,
  polars: 100,
  pyarrow: 130,
  dask: 80,
  pyspark: 150,
  xgboost: 100,
  lightgbm: 80,
  cv2: 100,
  PIL: 30,
  matplotlib: 80,
  librosa: 150,
  chromadb: 200,
  faiss: 80,
  langchain: 200,
  openai: 70,
  anthropic: 70,
  boto3: 50,
  'google.cloud': 90,
  sqlalchemy: 50,
  psycopg: 25,
  psycopg2: 20,
  asyncpg: 25,
  pymysql: 15,
  pymongo: 35,
  redis: 20,
  neo4j: 30,
  elasticsearch: 40,
  duckdb: 60,
};

const JAVASCRIPT: Readonly<Record<string, number>> = {
  '@tensorflow/tfjs': 200,
  '@tensorflow/tfjs-node': 350,
  '@huggingface/transformers': 300,
  '@xenova/transformers': 300,
  'onnxruntime-node': 150,
  'node-llama-cpp': 250,
  '@prisma/client': 80,
  typeorm: 50,
  sequelize: 40,
  mongoose: 40,
  mongodb: 35,
  pg: 15,
  mysql2: 20,
  ioredis: 15,
  redis: 20,
  'better-sqlite3': 15,
  sharp: 50,
  canvas: 40,
  puppeteer: 80,
  playwright: 80,
  googleapis: 200,
  '@aws-sdk': 50,
  '@google-cloud': 70,
  typescript: 130,
  webpack: 100,
  next: 150,
  '@nestjs/core': 50,
};

export interface HeavyImport {
  name: string;
  memoryMb: number;
}

/** The libraries among `imports` that are known to be heavy, each once, the heaviest first. */
export function heavyImports(language: 'python' | 'javascript', imports: readonly string[]): HeavyImport[] {
  const table = language === 'python' ? PYTHON : JAVASCRIPT;
  const separator = language === 'python' ? '.' : '/';
  const found = new Map<string, number>();
  for (const one of imports)
    for (const [name, memoryMb] of Object.entries(table))
      if (one === name || one.startsWith(`${name}${separator}`)) found.set(name, memoryMb);
  return [...found]
    .map(([name, memoryMb]) => ({ name, memoryMb }))
    .sort((a, b) => b.memoryMb - a.memoryMb || (a.name < b.name ? -1 : 1));
}
