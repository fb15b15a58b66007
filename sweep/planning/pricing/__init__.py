"""What a plan takes: GPU-hours, dollars and disk, as far as they are known."""

from sweep.planning.pricing.bounds import Bounds
from sweep.planning.pricing.clock import Measured
from sweep.planning.pricing.disk import Disk, disk
from sweep.planning.pricing.gpus import GpuTable, load_gpus
from sweep.planning.pricing.price import Price, StudyPrice, price

__all__ = ["Bounds", "Disk", "GpuTable", "Measured", "Price", "StudyPrice", "disk", "load_gpus", "price"]
