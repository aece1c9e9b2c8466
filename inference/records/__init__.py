"""The records of an examination: frozen, and validated when made.

They know nothing of networks, files or pages. The app, the command line and the API show only what a record holds.
"""

from inference.records.comparison import (
    Comparison,
    Correspondence,
    ElementFinding,
    FramedMark,
    LocalAgreement,
    SimilarityOutcome,
    SubScore,
)
from inference.records.exhibit import BoxChoice, Crop, Detection, Exhibit, Ground, Located, Turn
from inference.records.findings import (
    FIRST_STEP,
    LEAST_HANDEDNESS,
    NEARLY_AS_WELL,
    CheckStatus,
    Evidence,
    Heatmap,
    InconclusiveBand,
    MirrorTrial,
    Placement,
    Provenance,
    ReferenceComparison,
    ScopeCheck,
)
from inference.records.json_values import as_json
from inference.records.validation import Refusal, require
from inference.records.verdict import AuthenticityOutcome, PartFinding, Verdict

__all__ = [
    "FIRST_STEP",
    "LEAST_HANDEDNESS",
    "NEARLY_AS_WELL",
    "AuthenticityOutcome",
    "BoxChoice",
    "CheckStatus",
    "Comparison",
    "Correspondence",
    "Crop",
    "Detection",
    "ElementFinding",
    "Evidence",
    "Exhibit",
    "FramedMark",
    "Ground",
    "Heatmap",
    "InconclusiveBand",
    "LocalAgreement",
    "Located",
    "MirrorTrial",
    "PartFinding",
    "Placement",
    "Provenance",
    "ReferenceComparison",
    "Refusal",
    "ScopeCheck",
    "SimilarityOutcome",
    "SubScore",
    "Turn",
    "Verdict",
    "as_json",
    "require",
]
