"""The records of an examination: frozen, and validated when made.

They know nothing of networks, files or pages. The app, the command line and the API show only what a record holds.
"""

from inference.records.batch import NOT_EXAMINED, BatchRow, BatchState, RowOrder
from inference.records.comparison import (
    Comparison,
    Correspondence,
    ElementFinding,
    FramedMark,
    LocalAgreement,
    SimilarityOutcome,
    SubScore,
)
from inference.records.deviation import (
    AlterationKind,
    Deviation,
    DeviationOutcome,
    KeyArea,
    NearestPhoto,
    Power,
    Typicality,
    WitnessFinding,
    WitnessName,
)
from inference.records.exhibit import BoxChoice, Crop, Detection, Exhibit, Ground, Located, Turn
from inference.records.findings import (
    FIRST_STEP,
    LEAST_HANDEDNESS,
    NEARLY_AS_WELL,
    CheckStatus,
    EngineChoice,
    EngineName,
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
from inference.records.mark_search import FoundMark, MarkSearch, RankedMarks, RankingName
from inference.records.validation import Refusal, require
from inference.records.verdict import AuthenticityOutcome, PartFinding, Verdict

Record = Verdict | Comparison | Deviation
"""The record of one examination."""

__all__ = [
    "FIRST_STEP",
    "LEAST_HANDEDNESS",
    "NEARLY_AS_WELL",
    "NOT_EXAMINED",
    "AlterationKind",
    "AuthenticityOutcome",
    "BatchRow",
    "BatchState",
    "BoxChoice",
    "CheckStatus",
    "Comparison",
    "Correspondence",
    "Crop",
    "Detection",
    "Deviation",
    "DeviationOutcome",
    "ElementFinding",
    "EngineChoice",
    "EngineName",
    "Evidence",
    "Exhibit",
    "FoundMark",
    "FramedMark",
    "Ground",
    "Heatmap",
    "InconclusiveBand",
    "KeyArea",
    "LocalAgreement",
    "Located",
    "MarkSearch",
    "MirrorTrial",
    "NearestPhoto",
    "PartFinding",
    "Placement",
    "Power",
    "Provenance",
    "RankedMarks",
    "RankingName",
    "Record",
    "ReferenceComparison",
    "Refusal",
    "RowOrder",
    "ScopeCheck",
    "SimilarityOutcome",
    "SubScore",
    "Turn",
    "Typicality",
    "Verdict",
    "WitnessFinding",
    "WitnessName",
    "as_json",
    "require",
]
