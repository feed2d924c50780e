# CPU:   docker build -t otmf .
# CUDA:  docker build -t otmf:cuda --build-arg TORCH_INDEX=https://download.pytorch.org/whl/cu130 .
# Run:   docker run --rm -p 127.0.0.1:8501:8501 -v otmf-runs:/app/runs otmf        (CUDA: add --gpus all)
# Shared: compose.yaml, and docs/sharing.md.
FROM python:3.12-slim

# The wheels of the CUDA index carry their own CUDA libraries, so both variants share this base.
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu

ENV PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1

WORKDIR /app

# torch and torchvision come from their own index first; the ranges of requirements.txt then find them installed.
COPY requirements.txt .
RUN grep -E '^torch(vision)?[<>=]' requirements.txt > torch.txt \
    && pip install -r torch.txt --index-url "$TORCH_INDEX" \
    && pip install -r requirements.txt 'streamlit[auth]' \
    && rm torch.txt

RUN useradd --create-home --uid 1000 otmf \
    && mkdir runs libraries \
    && chown otmf:otmf runs libraries
COPY . .

USER 1000
VOLUME /app/runs /app/libraries
EXPOSE 8501

HEALTHCHECK --interval=30s --timeout=10s --start-period=30s --retries=3 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8501/metrics', timeout=8)"]

# Inside the container every interface; what the host shows is up to `docker run -p`.
CMD ["python", "-m", "streamlit", "run", "dashboard/server.py", "--server.address=0.0.0.0", "--server.port=8501", "--server.headless=true"]
