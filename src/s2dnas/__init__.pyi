from s2dnas.api.calibrating import calibrate as calibrate
from s2dnas.api.converting import Conversion as Conversion
from s2dnas.api.converting import Converted as Converted
from s2dnas.api.converting import convert as convert
from s2dnas.api.finding import SearchResult as SearchResult
from s2dnas.api.finding import find_plan as find_plan
from s2dnas.api.network import Network as Network
from s2dnas.api.network import analyse as analyse
from s2dnas.exits.rule import ExitRule as ExitRule
from s2dnas.network.answers import Answers as Answers
from s2dnas.profile.table import LatencyTable as LatencyTable
from s2dnas.saving.loading import load as load
from s2dnas.saving.writing import save as save
from s2dnas.search.journal import Score as Score
from s2dnas.space.costs import Cost as Cost
from s2dnas.space.plan import Plan as Plan
from s2dnas.staged.flat import stage_modules as stage_modules
from s2dnas.staged.runner import Runner as Runner
from s2dnas.training.loss_weights import LossWeights as LossWeights
from s2dnas.training.moment import Moment as Moment
from s2dnas.training.stage_loss import StageLoss as StageLoss

__version__: str
