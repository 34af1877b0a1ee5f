"""The batch detector: see docs/detection.md."""

from cloudcircuit.engine.detect.batch import judge
from cloudcircuit.engine.detect.calendar import Calendar
from cloudcircuit.engine.detect.detector import Detector
from cloudcircuit.engine.detect.scores import Scores

__all__ = ["Calendar", "Detector", "Scores", "judge"]
