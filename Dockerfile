# The command line in a container, without root:
#   docker build -t autogen . && docker run --rm -it autogen demo
#   docker run --rm -it -e OPENAI_API_KEY -v "$PWD:/work" autogen chat "What is in this folder?"
ARG PYTHON_IMAGE=python:3.13-slim

# What .devcontainer uses: the tools, without the package.
FROM $PYTHON_IMAGE AS dev
# libgomp1 is for the local model, bubblewrap for the sandbox of generated code.
RUN apt-get update \
    && apt-get install -y --no-install-recommends bubblewrap git libgomp1 \
    && rm -rf /var/lib/apt/lists/*
RUN useradd --create-home --shell /bin/bash autogen

FROM dev AS build
WORKDIR /source
COPY pyproject.toml setup.py README.md LICENSE ./
COPY autogen autogen
RUN pip wheel --no-cache-dir --no-deps --wheel-dir /wheels .

FROM dev
COPY --from=build /wheels /wheels
RUN pip install --no-cache-dir "$(echo /wheels/*.whl)[local]" && mkdir /work && chown autogen /work
USER autogen
WORKDIR /work
ENTRYPOINT ["autogen"]
CMD ["--help"]
