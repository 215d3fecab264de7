/** Divisions by their football-data.co.uk code, with clubs as those files spell them; even in number. */
const CLUBS = {
  E0: 'Arsenal,Aston Villa,Bournemouth,Brentford,Brighton,Chelsea,Crystal Palace,Everton,Fulham,Leeds,Leicester,Liverpool,Man City,Man United,Newcastle,Southampton,Tottenham,West Brom,West Ham,Wolves',
  E1: "Barnsley,Birmingham,Blackburn,Blackpool,Bristol City,Burnley,Cardiff,Coventry,Derby,Huddersfield,Hull,Luton,Middlesbrough,Millwall,Norwich,Nott'm Forest,Preston,QPR,Reading,Sheffield United,Stoke,Sunderland,Swansea,Watford",
  E2: 'Accrington,Bolton,Burton,Cambridge,Charlton,Cheltenham,Crewe,Doncaster,Exeter,Fleetwood Town,Gillingham,Ipswich,Lincoln,Milton Keynes Dons,Morecambe,Oxford,Peterboro,Plymouth,Portsmouth,Rotherham,Sheffield Weds,Shrewsbury,Wigan,Wycombe',
  E3: 'AFC Wimbledon,Barrow,Bradford,Bristol Rvs,Bury,Carlisle,Colchester,Crawley Town,Forest Green,Grimsby,Harrogate,Hartlepool,Leyton Orient,Mansfield,Newport County,Northampton,Notts County,Port Vale,Rochdale,Salford,Stevenage,Swindon,Tranmere,Walsall',
  EC: 'Aldershot,Altrincham,Barnet,Boreham Wood,Boston,Braintree Town,Bromley,Chesterfield,Dag and Red,Dover Athletic,Eastleigh,Ebbsfleet,Gateshead,Halifax,Kidderminster,Macclesfield,Maidenhead,Oldham,Solihull,Southend,Torquay,Wealdstone,Woking,Wrexham',
  SC0: 'Aberdeen,Celtic,Dundee,Dundee United,Hamilton,Hearts,Hibernian,Kilmarnock,Motherwell,Rangers,St Johnstone,St Mirren',
  SC1: 'Alloa,Arbroath,Ayr,Dunfermline,Falkirk,Inverness C,Livingston,Morton,Partick,Queen of Sth,Raith Rvs,Ross County',
  D1: "Augsburg,Bayern Munich,Bielefeld,Dortmund,Ein Frankfurt,FC Koln,Freiburg,Hannover,Hertha,Hoffenheim,Leverkusen,M'gladbach,Mainz,RB Leipzig,Schalke 04,Stuttgart,Werder Bremen,Wolfsburg",
  D2: 'Aue,Bochum,Braunschweig,Cottbus,Darmstadt,Dresden,Duisburg,Fortuna Dusseldorf,Greuther Furth,Hamburg,Heidenheim,Ingolstadt,Kaiserslautern,Karlsruhe,Nurnberg,Paderborn,St Pauli,Union Berlin',
  I1: 'Atalanta,Bologna,Cagliari,Chievo,Empoli,Fiorentina,Genoa,Inter,Juventus,Lazio,Lecce,Milan,Napoli,Parma,Roma,Sampdoria,Sassuolo,Torino,Udinese,Verona',
  I2: 'Ascoli,Avellino,Bari,Benevento,Brescia,Catania,Cesena,Cittadella,Como,Cremonese,Crotone,Frosinone,Livorno,Modena,Novara,Palermo,Perugia,Pescara,Spezia,Venezia',
  SP1: 'Alaves,Ath Bilbao,Ath Madrid,Barcelona,Betis,Celta,Eibar,Espanol,Getafe,Girona,Granada,Levante,Malaga,Osasuna,Real Madrid,Sevilla,Sociedad,Valencia,Valladolid,Villarreal',
  SP2: 'Albacete,Alcorcon,Almeria,Burgos,Cadiz,Cartagena,Cordoba,Elche,Gimnastic,Huesca,Hercules,La Coruna,Las Palmas,Leganes,Lugo,Mallorca,Mirandes,Numancia,Oviedo,Sp Gijon,Tenerife,Zaragoza',
  F1: 'Angers,Bordeaux,Brest,Caen,Guingamp,Lille,Lorient,Lyon,Marseille,Metz,Monaco,Montpellier,Nantes,Nice,Paris SG,Reims,Rennes,St Etienne,Strasbourg,Toulouse',
  F2: 'Ajaccio,Auxerre,Bastia,Bourg Peronnas,Chateauroux,Clermont,Dijon,Grenoble,Laval,Le Havre,Le Mans,Lens,Nancy,Nimes,Niort,Orleans,Red Star,Sedan,Sochaux,Tours,Troyes,Valenciennes',
  N1: 'AZ Alkmaar,Ajax,Den Haag,Feyenoord,For Sittard,Go Ahead Eagles,Groningen,Heerenveen,Heracles,NAC Breda,Nijmegen,PSV Eindhoven,Sparta Rotterdam,Twente,Utrecht,Vitesse,Willem II,Zwolle',
  B1: 'Anderlecht,Antwerp,Beerschot VA,Cercle Brugge,Charleroi,Club Brugge,Eupen,Genk,Gent,Kortrijk,Mechelen,Oostende,Oud-Heverlee Leuven,St Truiden,St. Gilloise,Standard',
  P1: 'Academica,Arouca,Belenenses,Benfica,Boavista,Estoril,Famalicao,Gil Vicente,Guimaraes,Maritimo,Moreirense,Nacional,Pacos Ferreira,Porto,Rio Ave,Setubal,Sp Braga,Sp Lisbon',
  T1: 'Akhisar Belediyespor,Alanyaspor,Ankaragucu,Antalyaspor,Besiktas,Bursaspor,Buyuksehyr,Eskisehirspor,Fenerbahce,Galatasaray,Gaziantepspor,Genclerbirligi,Goztep,Kasimpasa,Kayserispor,Konyaspor,Sivasspor,Trabzonspor',
  G1: 'AEK,Aris,Asteras Tripolis,Atromitos,Ergotelis,Giannina,Iraklis,Kerkyra,Larisa,Levadeiakos,OFI Crete,Olympiakos,PAOK,Panathinaikos,Panetolikos,Xanthi',
} as const;

const ENGLISH_REFEREES =
  'M Atkinson,M Clattenburg,M Dean,M Oliver,A Taylor,K Friend,L Mason,J Moss,C Pawson,S Attwell'.split(
    ',',
  );

export interface League {
  div: string;
  clubs: readonly string[];
  /** Only English and Scottish files name them. */
  referees: readonly string[];
}

/** 20 leagues, 7,306 matches a season. */
export const LEAGUES: readonly League[] = Object.entries(CLUBS).map(([div, names]) => ({
  div,
  clubs: names.split(','),
  referees: /^(E|SC)/.test(div) ? ENGLISH_REFEREES : [''],
}));

/**
 * Round `round` of a double round robin as [home, away] club numbers: one club stays, the others go
 * round; the second half of the season swaps home and away.
 */
export function fixtures(clubs: number, round: number): [home: number, away: number][] {
  const turn = clubs - 1;
  const back = round >= turn;
  const pairs: [number, number][] = [];
  for (let i = 0; i < clubs / 2; i++) {
    const a = i === 0 ? turn : (round + i) % turn;
    const b = (round + turn - i) % turn;
    const swap = back !== (i === 0 ? (round % turn) % 2 === 1 : i % 2 === 1);
    pairs.push(swap ? [b, a] : [a, b]);
  }
  return pairs;
}
