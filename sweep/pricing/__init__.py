"""What a plan takes: GPU-hours, dollars and disk, as far as they are known."""

from sweep.pricing.bounds import Bounds
from sweep.pricing.clock import Measured
from sweep.pricing.disk import Disk, disk
from sweep.pricing.gpus import GpuTable, load_gpus
from sweep.pricing.price import Price, StudyPrice, price

__all__ = ["Bounds", "Disk", "GpuTable", "Measured", "Price", "StudyPrice", "disk", "load_gpus", "price"]
